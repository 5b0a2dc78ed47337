package com.jetbrains.python.run;

import java.util.Map;

/** What a Python program is run with. */
public interface PythonRunParams {
  String getWorkingDirectory();

  Map<String, String> getEnvs();

  boolean isPassParentEnvs();
}
