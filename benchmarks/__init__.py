"""The measurements of docs/performance.md, on the real Pulumi CLI against the emulator."""
