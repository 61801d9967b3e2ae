"""Every generated table made anew, in order, with what changed: `python -m inferplan.catalog.refresh`.

Not here: fetching the wheels (wheels) and which table has which generator (sources).
"""

from __future__ import annotations

from importlib import import_module

from inferplan.catalog.refresh import sources


def main() -> None:
    """Run every generator."""
    for name in sources.generators():
        import_module(f"inferplan.catalog.refresh.{name}").main()


if __name__ == "__main__":
    main()
