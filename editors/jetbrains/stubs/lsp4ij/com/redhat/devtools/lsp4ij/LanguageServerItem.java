package com.redhat.devtools.lsp4ij;

import java.util.concurrent.CompletableFuture;
import org.eclipse.lsp4j.services.LanguageServer;
import org.jetbrains.annotations.NotNull;

/** A server that runs. */
public class LanguageServerItem {
  public @NotNull CompletableFuture<LanguageServer> getInitializedServer() {
    throw new UnsupportedOperationException();
  }
}
