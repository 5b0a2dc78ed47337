package com.redhat.devtools.lsp4ij.dap.descriptors;

import com.intellij.execution.ExecutionException;
import com.intellij.execution.configurations.RunConfigurationOptions;
import com.intellij.execution.process.ProcessHandler;
import com.intellij.execution.runners.ExecutionEnvironment;
import com.redhat.devtools.lsp4ij.dap.definitions.DebugAdapterServerDefinition;
import java.util.Map;
import org.jetbrains.annotations.NotNull;
import org.jetbrains.annotations.Nullable;

/** One debug session of the general run configuration. */
public class DefaultDebugAdapterDescriptor extends DebugAdapterDescriptor {
  public DefaultDebugAdapterDescriptor(
    @NotNull RunConfigurationOptions options, @NotNull ExecutionEnvironment environment, @Nullable DebugAdapterServerDefinition definition
  ) {
    super(options, environment, definition);
  }

  @Override
  public ProcessHandler startServer() throws ExecutionException {
    throw new UnsupportedOperationException();
  }

  @Override
  public @NotNull Map<String, Object> getDapParameters() {
    throw new UnsupportedOperationException();
  }
}
