package com.redhat.devtools.lsp4ij;

import com.intellij.openapi.project.Project;
import com.redhat.devtools.lsp4ij.client.LanguageClientImpl;
import com.redhat.devtools.lsp4ij.client.features.LSPClientFeatures;
import com.redhat.devtools.lsp4ij.server.StreamConnectionProvider;
import org.eclipse.lsp4j.services.LanguageServer;
import org.jetbrains.annotations.NotNull;

/** `factoryClass` of the extension point `com.redhat.devtools.lsp4ij.server`. */
public interface LanguageServerFactory {
  @NotNull StreamConnectionProvider createConnectionProvider(@NotNull Project project);

  default @NotNull LanguageClientImpl createLanguageClient(@NotNull Project project) {
    throw new UnsupportedOperationException();
  }

  default @NotNull Class<? extends LanguageServer> getServerInterface() {
    throw new UnsupportedOperationException();
  }

  default @NotNull LSPClientFeatures createClientFeatures() {
    throw new UnsupportedOperationException();
  }
}
