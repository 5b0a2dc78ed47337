package com.redhat.devtools.lsp4ij.commands;

import org.eclipse.lsp4j.Command;
import org.jetbrains.annotations.Nullable;

/** A command of a code lens. */
public class LSPCommand extends Command {
  public @Nullable <T> T getArgumentAt(int index, Class<T> type) {
    throw new UnsupportedOperationException();
  }
}
