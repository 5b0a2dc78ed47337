package com.intellij.execution.target.value;

/** 2025.1: a value that is known where the program runs. */
public interface TargetValue<T> {}
