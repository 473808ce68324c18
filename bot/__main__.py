from bot.cli import main
from bot.log import tell_uncaught

tell_uncaught()
raise SystemExit(main())
