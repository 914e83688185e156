"""Whether a model's name stands for something that is here, before any of it is loaded."""

from pathlib import Path

from harness.engine.backend import Options
from harness.engine.source import refuse_base
from harness.errors import UsageError


def require_model(spec: str, options: Options) -> None:
    """Look for what ``spec`` names: a folder's weights and settings, a file, a rule, an address.

    A model of the Hub is fetched where it is not in the cache. No server is asked and no weights are read.
    Raises what ``load`` raises for a name that stands for nothing and for files that are missing.
    """
    scheme, _, rest = spec.partition(":")
    refuse_base(spec, options)
    if scheme == "openai" and rest:
        from harness.engine.elsewhere.http_address import address_of

        address_of(rest, options.base_url)
    elif scheme == "replay" and rest:
        if not Path(rest).is_file():
            raise UsageError(f"there is no file {rest}")
    elif scheme == "scripted" and rest:
        from harness.engine.elsewhere.scripted import open_scripted

        open_scripted(rest)
    else:
        _require_folder(spec, options)


def _require_folder(spec: str, options: Options) -> None:
    from harness.engine.files import weight_files
    from harness.engine.source import folder_of, source_of

    source = source_of(folder_of(spec, options), options)
    weight_files(source.folder, options.allow_pickle)
    source.require_settings()
