package com.redhat.devtools.lsp4ij.dap;

import org.jetbrains.annotations.NotNull;

/** A launch to begin with. */
public class LaunchConfiguration {
  public LaunchConfiguration(@NotNull String id, @NotNull String name, @NotNull String content, @NotNull DebugMode mode) {}
}
