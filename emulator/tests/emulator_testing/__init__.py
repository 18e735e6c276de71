"""What tests of the emulator share, and tests that drive it with other clients use too."""
