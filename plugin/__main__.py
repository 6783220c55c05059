"""The entry point for `pulumi package add`: it runs the plugin of the installed package."""

from meeting_provider.plugin.server import main

main()
