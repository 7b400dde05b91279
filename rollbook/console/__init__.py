"""The console: pages for people, made on the server, that work without script."""
