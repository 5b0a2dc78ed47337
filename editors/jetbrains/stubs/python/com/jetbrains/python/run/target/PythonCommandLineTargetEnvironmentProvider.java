package com.jetbrains.python.run.target;

import com.intellij.openapi.project.Project;
import com.jetbrains.python.run.PythonExecution;
import com.jetbrains.python.run.PythonRunParams;
import org.jetbrains.annotations.NotNull;

/** Extension point `Pythonid.pythonCommandLineTargetEnvironmentProvider`. */
public interface PythonCommandLineTargetEnvironmentProvider {
  void extendTargetEnvironment(
    @NotNull Project project,
    @NotNull HelpersAwareTargetEnvironmentRequest request,
    @NotNull PythonExecution execution,
    @NotNull PythonRunParams params
  );
}
