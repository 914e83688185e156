"""A run of Weights & Biases that is not sent anywhere: `wandb sync` does that."""

from pathlib import Path
from tempfile import TemporaryDirectory

from harness.exports.tracked import PROJECT, Tracked, missing


def track_wandb(run: Tracked, folder: Path) -> Path:
    """``offline-run-TIME-RUN``: its summary has every number; a run that is there stays as it is.

    Nothing of this machine or its environment goes along. Raises UsageError where wandb is not installed.
    """
    try:
        import wandb
    except ImportError as error:
        raise missing("wandb", "wandb") from error
    there = next(folder.glob(f"offline-run-*-{run.run}"), None)
    if there:
        return there
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as part:  # a run is there as a whole or not at all
        settings = wandb.Settings(
            mode="offline",
            root_dir=part,
            silent=True,
            console="off",
            disable_git=True,
            disable_code=True,
            x_disable_meta=True,
            x_disable_stats=True,
            x_disable_machine_info=True,
            x_save_requirements=False,
        )
        with wandb.init(
            project=PROJECT, id=run.run, name=run.model, config=dict(run.settings), settings=settings
        ) as log:
            log.summary.update(dict(run.numbers))
        written = Path(log.settings.sync_dir)
        return written.rename(folder / written.name)
