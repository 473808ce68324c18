"""One module per subcommand: `HELP`, `arguments(parser)`, `run(args, settings) -> int`."""
