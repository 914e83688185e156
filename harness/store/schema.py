"""The tables of the catalogue, in column types that SQLite and PostgreSQL share."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    false,
)

HEAD = "0010"
"""The newest migration that this program knows; a catalogue at any other unknown revision is newer than the program."""

METADATA = MetaData()

PROPERTIES = Table(
    "properties",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

# The id of a model and of a task is the sha256 of everything in its row: two processes that insert the same one agree.
MODELS = Table(
    "models",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("name", Text, nullable=False, index=True),
    Column("fingerprint", JSON, nullable=False),
)

TASKS = Table(
    "tasks",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("name", Text, nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("data_sha256", String(64), nullable=False),
    Column("card", JSON, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("scorer", Text, nullable=False, server_default=""),
)

# What a run asked, in its order; the id is the sha256 of the whole list, so that runs which asked the same share one.
TASK_SETS = Table(
    "task_sets",
    METADATA,
    Column("id", String(64)),
    Column("position", Integer),
    Column("task_id", String(64), ForeignKey("tasks.id"), nullable=False, index=True),
    Column("data_source", Text, nullable=False),
    Column("n", Integer, nullable=False),
    Column("shots", Integer, nullable=False),
    Column("shots_source", Text, nullable=False),
    Column("available", Integer),
    PrimaryKeyConstraint("id", "position"),
)

RUNS = Table(
    "runs",
    METADATA,
    Column("id", String(128), primary_key=True),
    Column("model_id", String(64), ForeignKey("models.id"), nullable=False, index=True),
    Column("task_set", String(64), nullable=False, index=True),
    Column("settings", JSON, nullable=False),
    Column("versions", JSON, nullable=False),
    Column("engine", JSON, nullable=False),
    Column("command", Text, nullable=False),
    Column("started", String(40), nullable=False, index=True),
    Column("finished", String(40)),
    Column("status", String(16), nullable=False, index=True),
    Column("message", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("born", Float, nullable=False),
    Column("recipe", JSON, nullable=False, server_default="{}"),
    Column("imported", Boolean, nullable=False, server_default=false()),
    Column("training", JSON, nullable=False, server_default="[]"),
    Column("energy", JSON(none_as_null=True)),
    Column("left_out", JSON, nullable=False, server_default="{}"),
    Column("source", JSON, nullable=False, server_default="{}"),
    Column("family", Text, nullable=False, server_default=""),
    Column("step", BigInteger),
    Column("bundle", Text, nullable=False, server_default=""),
)

RESULTS = Table(
    "results",
    METADATA,
    Column("run_id", String(128), ForeignKey("runs.id", ondelete="CASCADE")),
    Column("position", Integer),
    Column("task", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("slice", Text, nullable=False),
    Column("value", Float),
    Column("low", Float),
    Column("high", Float),
    Column("n", Integer, nullable=False),
    Column("clusters", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    PrimaryKeyConstraint("run_id", "position"),
    Index("results_of_a_task", "run_id", "task", "metric", "slice"),
    Index("results_of_a_metric", "task", "metric", "slice"),
)

ARTIFACTS = Table(
    "artifacts",
    METADATA,
    Column("run_id", String(128), ForeignKey("runs.id", ondelete="CASCADE")),
    Column("task", Text),
    Column("path", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    PrimaryKeyConstraint("run_id", "task"),
)

TAGS = Table(
    "tags",
    METADATA,
    Column("name", String(128), primary_key=True),
    Column("run_id", String(128), ForeignKey("runs.id", ondelete="CASCADE"), nullable=False, index=True),
)

# The history of every named pointer, the last row being the present one. No foreign key: the history of a baseline
# outlives the runs it pointed to. run_id NULL: the baseline was deleted.
BASELINES = Table(
    "baselines",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("name", String(128), nullable=False, index=True),
    Column("run_id", String(128)),
    Column("why", Text, nullable=False),
    Column("at", String(40), nullable=False),
)

VERDICTS = Table(
    "verdicts",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run_id", String(128), nullable=False, index=True),
    Column("at", String(40), nullable=False),
    Column("verdict", JSON, nullable=False),
    ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="CASCADE"),
)

# Results of audits of a run's model, or of the data of its tasks, beyond its own answers; one JSON record each.
AUDITS = Table(
    "audits",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run_id", String(128), nullable=False, index=True),
    Column("at", String(40), nullable=False),
    Column("result", JSON, nullable=False),
    ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="CASCADE"),
)

# Ratings by people. The id of a campaign is "name@version"; its definition names runs but outlives them.
CAMPAIGNS = Table(
    "campaigns",
    METADATA,
    Column("id", String(128), primary_key=True),
    Column("name", String(64), nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("definition", JSON, nullable=False),
    Column("dropped", JSON, nullable=False),
    Column("created", String(40), nullable=False),
)

CAMPAIGN_ITEMS = Table(
    "campaign_items",
    METADATA,
    Column("campaign_id", String(128), ForeignKey("campaigns.id", ondelete="CASCADE")),
    Column("number", Integer),
    Column("item", JSON, nullable=False),
    PrimaryKeyConstraint("campaign_id", "number"),
)

# A rater is known by a pseudonym and enters by a token, of which only the sha256 is kept; NULL: it was revoked.
RATERS = Table(
    "raters",
    METADATA,
    Column("campaign_id", String(128), ForeignKey("campaigns.id", ondelete="CASCADE")),
    Column("rater", String(64)),
    Column("token_sha256", String(64), index=True),
    PrimaryKeyConstraint("campaign_id", "rater"),
)

# What a rater is shown, in the order of position; ``repeated``: again, ``swapped``: the second text stands first.
ASSIGNMENTS = Table(
    "assignments",
    METADATA,
    Column("campaign_id", String(128), ForeignKey("campaigns.id", ondelete="CASCADE")),
    Column("rater", String(64)),
    Column("position", Integer),
    Column("number", Integer, nullable=False),
    Column("repeated", Boolean, nullable=False),
    Column("swapped", Boolean, nullable=False),
    PrimaryKeyConstraint("campaign_id", "rater", "position"),
)

# Rows are only ever added: undoing a rating is a row whose answer is empty, and the newest revision counts.
RATINGS = Table(
    "ratings",
    METADATA,
    Column("campaign_id", String(128), ForeignKey("campaigns.id", ondelete="CASCADE")),
    Column("rater", String(64)),
    Column("position", Integer),
    Column("revision", Integer),
    Column("answer", JSON, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("at", String(40), nullable=False),
    PrimaryKeyConstraint("campaign_id", "rater", "position", "revision"),
)
