package com.redhat.devtools.lsp4ij.dap.definitions;

/** A debug adapter that the IDE knows. */
public abstract class DebugAdapterServerDefinition {}
