package com.redhat.devtools.lsp4ij.dap.descriptors;

import com.intellij.execution.runners.ExecutionEnvironment;
import com.redhat.devtools.lsp4ij.dap.LaunchConfiguration;
import com.redhat.devtools.lsp4ij.dap.configurations.DAPRunConfigurationOptions;
import com.redhat.devtools.lsp4ij.dap.definitions.DebugAdapterServerDefinition;
import java.util.List;
import org.jetbrains.annotations.NotNull;

/** `factoryClass` of the extension point `com.redhat.devtools.lsp4ij.debugAdapterServer`. */
public abstract class DebugAdapterDescriptorFactory {
  public DebugAdapterDescriptor createDebugAdapterDescriptor(
    @NotNull DAPRunConfigurationOptions options, @NotNull ExecutionEnvironment environment
  ) {
    throw new UnsupportedOperationException();
  }

  public @NotNull List<LaunchConfiguration> getLaunchConfigurations() {
    throw new UnsupportedOperationException();
  }

  public @NotNull DebugAdapterServerDefinition getServerDefinition() {
    throw new UnsupportedOperationException();
  }
}
