/** The button in the toolbar, and what is behind it. */
package dev.mirrord.jetbrains.ui

import com.intellij.execution.Executor
import com.intellij.execution.ProgramRunnerUtil
import com.intellij.execution.RunManager
import com.intellij.execution.executors.DefaultRunExecutor
import com.intellij.notification.NotificationType
import com.intellij.openapi.actionSystem.ActionUpdateThread
import com.intellij.openapi.actionSystem.ActionUpdateThreadAware
import com.intellij.openapi.actionSystem.AnAction
import com.intellij.openapi.actionSystem.AnActionEvent
import com.intellij.openapi.actionSystem.DefaultActionGroup
import com.intellij.openapi.actionSystem.ToggleAction
import com.intellij.openapi.project.DumbAware
import com.intellij.openapi.project.Project
import com.intellij.openapi.wm.ToolWindowManager
import dev.mirrord.jetbrains.MirrordProject
import dev.mirrord.jetbrains.MirrordSettings

/** The button: says what the next launch does, and opens the rest. */
class MirrordButton : DefaultActionGroup(), DumbAware, ActionUpdateThreadAware {
    override fun getActionUpdateThread(): ActionUpdateThread = ActionUpdateThread.BGT

    override fun displayTextInToolbar(): Boolean = true

    override fun update(event: AnActionEvent) {
        val project = event.project
        event.presentation.isEnabledAndVisible = project != null
        if (project != null) event.presentation.setText(MirrordSettings.of(project).choice.label(), false)
    }
}

/** On and off. */
class SwitchAction : ToggleAction(), DumbAware, ActionUpdateThreadAware {
    override fun getActionUpdateThread(): ActionUpdateThread = ActionUpdateThread.BGT

    override fun isSelected(event: AnActionEvent): Boolean = event.project?.let { MirrordSettings.of(it).choice.enabled } == true

    override fun setSelected(event: AnActionEvent, on: Boolean) {
        val settings = MirrordSettings.of(event.project ?: return)
        settings.choice = settings.choice.copy(enabled = on)
    }
}

/** Another target. */
class PickAction : ProjectAction() {
    override fun act(project: Project) {
        TargetDialog(project).show()
    }
}

/** The selected run configuration, with mirrord. */
class RunAction : ProjectAction() {
    override fun act(project: Project) {
        val settings = MirrordSettings.of(project)
        settings.choice = settings.choice.copy(enabled = true)
        launchSelected(project, DefaultRunExecutor.getRunExecutorInstance())
    }
}

/** The tool window of sessions. */
class ShowSessionsAction : ProjectAction() {
    override fun act(project: Project) {
        ToolWindowManager.getInstance(project).getToolWindow("mirrord")?.activate(null)
    }
}

/** An action that needs nothing but a project. */
abstract class ProjectAction : AnAction(), DumbAware, ActionUpdateThreadAware {
    override fun getActionUpdateThread(): ActionUpdateThread = ActionUpdateThread.BGT

    override fun update(event: AnActionEvent) {
        event.presentation.isEnabled = event.project != null
    }

    override fun actionPerformed(event: AnActionEvent) {
        event.project?.let(::act)
    }

    /** What it does. */
    protected abstract fun act(project: Project)
}

/** Launches the run configuration that is selected, or says that none is. */
internal fun launchSelected(project: Project, executor: Executor?) {
    val selected = RunManager.getInstance(project).selectedConfiguration
    if (selected == null || executor == null) {
        MirrordProject.of(project).tell("no run configuration is selected. Select or add one, and run it.", NotificationType.INFORMATION)
    } else {
        ProgramRunnerUtil.executeConfiguration(selected, executor)
    }
}
