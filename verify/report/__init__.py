"""Reports of a verification, each in a module of its own; nothing here is loaded by `import verify`."""
