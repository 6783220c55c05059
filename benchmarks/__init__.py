"""What docs/performance.md says, measured on the real Pulumi CLI against the emulator."""
