package com.redhat.devtools.lsp4ij.dap;

/** How a debug session begins. */
public enum DebugMode { LAUNCH, ATTACH }
