"""``megawatt`` and ``python -m megawatt``: signals are answered before anything is imported."""

from megawatt.stopping import stoppable

__all__ = ["main"]


def main() -> None:
    """Run the command; exits with a code of the contract."""
    with stoppable():
        from megawatt.cli import main as run

        run()


if __name__ == "__main__":
    main()
