package com.redhat.devtools.lsp4ij.dap.descriptors;

import com.intellij.execution.ExecutionException;
import com.intellij.execution.configurations.GeneralCommandLine;
import com.intellij.execution.configurations.RunConfigurationOptions;
import com.intellij.execution.process.OSProcessHandler;
import com.intellij.execution.process.ProcessHandler;
import com.intellij.execution.runners.ExecutionEnvironment;
import com.redhat.devtools.lsp4ij.dap.definitions.DebugAdapterServerDefinition;
import java.util.Map;
import org.jetbrains.annotations.NotNull;
import org.jetbrains.annotations.Nullable;

/** One debug session. */
public abstract class DebugAdapterDescriptor {
  protected DebugAdapterDescriptor(
    @NotNull RunConfigurationOptions options, @NotNull ExecutionEnvironment environment, @Nullable DebugAdapterServerDefinition definition
  ) {}

  public abstract ProcessHandler startServer() throws ExecutionException;

  protected @NotNull OSProcessHandler startServer(@NotNull GeneralCommandLine line) throws ExecutionException {
    throw new UnsupportedOperationException();
  }

  public abstract @NotNull Map<String, Object> getDapParameters();
}
