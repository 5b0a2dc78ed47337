package com.intellij.notification;

/** 2025.1: groups are declared in plugin.xml. */
public interface NotificationGroupManager {
  static NotificationGroupManager getInstance() {
    throw new UnsupportedOperationException();
  }

  NotificationGroup getNotificationGroup(String id);
}
