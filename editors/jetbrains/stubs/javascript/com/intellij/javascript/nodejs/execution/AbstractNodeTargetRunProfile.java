package com.intellij.javascript.nodejs.execution;

import com.intellij.execution.configurations.ConfigurationFactory;
import com.intellij.execution.configurations.RunConfigurationBase;
import com.intellij.openapi.project.Project;
import org.jetbrains.annotations.NotNull;

/** A run configuration that starts Node. */
public abstract class AbstractNodeTargetRunProfile extends RunConfigurationBase<Object> {
  protected AbstractNodeTargetRunProfile(@NotNull Project project, @NotNull ConfigurationFactory factory, @NotNull String name) {
    super(project, factory, name);
  }
}
