/** The commands of code lenses that are the editor's own. */
package dev.mirrord.jetbrains.lsp

import com.intellij.execution.Executor
import com.intellij.execution.executors.DefaultRunExecutor
import com.intellij.openapi.actionSystem.ActionUpdateThread
import com.intellij.openapi.actionSystem.AnActionEvent
import com.intellij.openapi.project.Project
import com.intellij.openapi.wm.ToolWindowId
import com.intellij.execution.ExecutorRegistry
import com.redhat.devtools.lsp4ij.commands.LSPCommand
import com.redhat.devtools.lsp4ij.commands.LSPCommandAction
import dev.mirrord.jetbrains.MirrordSettings
import dev.mirrord.jetbrains.ui.TargetDialog
import dev.mirrord.jetbrains.ui.launchSelected
import dev.mirrord.logic.Chosen
import dev.mirrord.logic.LensArgument
import dev.mirrord.logic.documentPath

/** `mirrord.run`: the selected run configuration, with this document. */
class RunLens : LaunchLens({ DefaultRunExecutor.getRunExecutorInstance() })

/** `mirrord.debug`: the same under the debugger. */
class DebugLens : LaunchLens({ ExecutorRegistry.getInstance().getExecutorById(ToolWindowId.DEBUG) })

/** A lens that launches. */
abstract class LaunchLens(private val executor: () -> Executor?) : DocumentLens() {
    override fun act(project: Project, argument: LensArgument) {
        MirrordSettings.of(project).run {
            val target = argument.target?.let { Chosen() }
            choice = choice.copy(enabled = true, config = documentPath(argument.uri), chosen = target)
        }
        launchSelected(project, executor())
    }
}

/** `mirrord.pick`: another target for launches with this document. */
class PickLens : DocumentLens() {
    override fun act(project: Project, argument: LensArgument) {
        MirrordSettings.of(project).run { choice = choice.copy(config = documentPath(argument.uri)) }
        TargetDialog(project).show()
    }
}

/** A lens of a document. */
abstract class DocumentLens : LSPCommandAction() {
    override fun getCommandPerformedThread(): ActionUpdateThread = ActionUpdateThread.EDT

    override fun commandPerformed(command: LSPCommand, event: AnActionEvent) {
        val argument = command.getArgumentAt(0, LensArgument::class.java) ?: return
        event.project?.let { act(it, argument) }
    }

    /** What the lens does. */
    protected abstract fun act(project: Project, argument: LensArgument)
}
