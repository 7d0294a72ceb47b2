"""``python -m labelcast`` is ``labelcast``."""

from labelcast.cli import main

main()
