"""A run as a file of events that TensorBoard shows."""

import io
from pathlib import Path

from harness.exports.tracked import Tracked, missing
from harness.files import write_bytes


def track_tensorboard(run: Tracked, folder: Path) -> Path:
    """``RUN/events.out.tfevents.SECONDS.RUN``: every number as a scalar of double precision at step 0.

    The same bytes every time. Raises UsageError where TensorBoard is not installed.
    """
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.compat.proto.types_pb2 import DT_DOUBLE
        from tensorboard.plugins.scalar.metadata import create_summary_metadata
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ImportError as error:
        raise missing("TensorBoard", "tensorboard") from error
    content = io.BytesIO()
    writer = RecordWriter(content)
    writer.write(Event(wall_time=run.finished, file_version="brain.Event:2").SerializeToString())
    for name, value in run.numbers.items():
        tensor = TensorProto(dtype=DT_DOUBLE, double_val=[value])
        number = Summary.Value(tag=name, metadata=create_summary_metadata(name, ""), tensor=tensor)
        writer.write(Event(wall_time=run.finished, step=0, summary=Summary(value=[number])).SerializeToString())
    place = folder / run.run / f"events.out.tfevents.{int(run.started)}.{run.run}"
    write_bytes(place, content.getvalue())
    return place
