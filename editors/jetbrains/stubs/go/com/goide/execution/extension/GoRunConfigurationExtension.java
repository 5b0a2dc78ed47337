package com.goide.execution.extension;

import com.goide.execution.GoRunConfigurationBase;
import com.goide.execution.GoRunningState;
import com.intellij.execution.ExecutionException;
import com.intellij.execution.configuration.RunConfigurationExtensionBase;
import com.intellij.execution.configurations.GeneralCommandLine;
import com.intellij.execution.configurations.RunnerSettings;
import com.intellij.execution.target.TargetedCommandLineBuilder;
import org.jetbrains.annotations.NotNull;
import org.jetbrains.annotations.Nullable;

/** Extension point `com.goide.runConfigurationExtension`. */
public abstract class GoRunConfigurationExtension extends RunConfigurationExtensionBase<GoRunConfigurationBase<?>> {
  @Override
  protected void patchCommandLine(
    @NotNull GoRunConfigurationBase<?> configuration, @Nullable RunnerSettings settings, @NotNull GeneralCommandLine line,
    @NotNull String runner
  ) throws ExecutionException {}

  protected void patchCommandLine(
    @NotNull GoRunConfigurationBase<?> configuration, @Nullable RunnerSettings settings, @NotNull TargetedCommandLineBuilder line,
    @NotNull String runner, @NotNull GoRunningState<? extends GoRunConfigurationBase<?>> state,
    @NotNull GoRunningState.CommandLineType type
  ) throws ExecutionException {}
}
