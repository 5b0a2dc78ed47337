package com.redhat.devtools.lsp4ij;

import com.intellij.openapi.project.Project;
import java.util.concurrent.CompletableFuture;
import org.jetbrains.annotations.NotNull;

/** The servers of a project. */
public class LanguageServerManager {
  public static LanguageServerManager getInstance(@NotNull Project project) {
    throw new UnsupportedOperationException();
  }

  public void start(@NotNull String id, @NotNull StartOptions options) {}

  public void stop(@NotNull String id, @NotNull StopOptions options) {}

  /** Completes with null where there is no such server. */
  public CompletableFuture<LanguageServerItem> getLanguageServer(@NotNull String id) {
    throw new UnsupportedOperationException();
  }

  /** How to start. */
  public static class StartOptions {
    public StartOptions setForceStart(boolean value) {
      return this;
    }

    public StartOptions setForceRestart(boolean value) {
      return this;
    }

    public StartOptions setWillEnable(boolean value) {
      return this;
    }
  }

  /** How to stop. */
  public static class StopOptions {
    public StopOptions setWillDisable(boolean value) {
      return this;
    }
  }
}
