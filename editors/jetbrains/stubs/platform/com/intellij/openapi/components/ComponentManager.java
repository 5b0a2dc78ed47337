package com.intellij.openapi.components;

import com.intellij.openapi.Disposable;
import com.intellij.openapi.util.UserDataHolder;
import com.intellij.util.messages.MessageBus;

/** 2025.1: has services. */
public interface ComponentManager extends UserDataHolder, Disposable {
  <T> T getService(Class<T> service);

  MessageBus getMessageBus();

  boolean isDisposed();
}
