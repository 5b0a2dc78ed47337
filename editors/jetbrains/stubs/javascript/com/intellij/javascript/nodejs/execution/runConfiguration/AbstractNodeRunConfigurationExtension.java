package com.intellij.javascript.nodejs.execution.runConfiguration;

import com.intellij.execution.ExecutionException;
import com.intellij.execution.runners.ExecutionEnvironment;
import com.intellij.javascript.nodejs.execution.AbstractNodeTargetRunProfile;
import org.jetbrains.annotations.NotNull;
import org.jetbrains.annotations.Nullable;

/** Extension point `JavaScript.nodeRunConfigurationExtension`. */
public abstract class AbstractNodeRunConfigurationExtension {
  public abstract boolean isApplicableFor(@NotNull AbstractNodeTargetRunProfile configuration);

  public @Nullable NodeRunConfigurationLaunchSession createLaunchSession(
    @NotNull AbstractNodeTargetRunProfile configuration, @NotNull ExecutionEnvironment environment
  ) throws ExecutionException {
    throw new UnsupportedOperationException();
  }
}
