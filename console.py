import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
if sys.path[:1] != [HERE]:  # python -P, or PYTHONSAFEPATH
    sys.path.insert(0, HERE)

try:
    from console.host.surroundings import prepare

    prepare()

    from console.cli.main import main
except ImportError as error:
    raise SystemExit(
        f"A part of Galactus cannot be loaded ({error}); start it with .venv/bin/python, or mend it with: make setup"
    ) from None
except KeyboardInterrupt:
    raise SystemExit(130) from None

raise SystemExit(main())
