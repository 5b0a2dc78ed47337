package com.redhat.devtools.lsp4ij.server;

import com.intellij.execution.configurations.GeneralCommandLine;
import org.jetbrains.annotations.Nullable;

/** A server that is a process, on its standard streams. */
public class OSProcessStreamConnectionProvider implements StreamConnectionProvider {
  public OSProcessStreamConnectionProvider(@Nullable GeneralCommandLine line) {}
}
