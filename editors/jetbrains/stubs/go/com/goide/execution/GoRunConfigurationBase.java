package com.goide.execution;

import com.intellij.execution.configurations.ConfigurationFactory;
import com.intellij.execution.configurations.RunConfigurationBase;
import com.intellij.openapi.project.Project;
import java.util.Map;
import org.jetbrains.annotations.NotNull;

/** A run configuration of a Go program. */
public abstract class GoRunConfigurationBase<T extends GoRunningState<?>> extends RunConfigurationBase<Object> {
  protected GoRunConfigurationBase(@NotNull Project project, @NotNull ConfigurationFactory factory, @NotNull String name) {
    super(project, factory, name);
  }

  public abstract @NotNull String getWorkingDirectory();

  public abstract @NotNull Map<String, String> getCustomEnvironment();
}
