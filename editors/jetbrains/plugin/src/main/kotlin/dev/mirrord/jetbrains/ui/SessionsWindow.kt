package dev.mirrord.jetbrains.ui

import com.intellij.openapi.Disposable
import com.intellij.openapi.application.ApplicationManager
import com.intellij.openapi.application.ModalityState
import com.intellij.openapi.project.DumbAware
import com.intellij.openapi.project.Project
import com.intellij.openapi.wm.ToolWindow
import com.intellij.openapi.wm.ToolWindowFactory
import com.intellij.ui.components.JBLabel
import com.intellij.ui.components.JBScrollPane
import com.intellij.ui.table.JBTable
import dev.mirrord.jetbrains.MirrordProject
import dev.mirrord.logic.SESSION_COLUMNS
import dev.mirrord.logic.Session
import dev.mirrord.logic.cells
import dev.mirrord.logic.sentence
import java.awt.BorderLayout
import javax.swing.JButton
import javax.swing.JPanel
import javax.swing.ListSelectionModel
import javax.swing.Timer
import javax.swing.table.DefaultTableModel

private const val REFRESH_MILLISECONDS = 2000

/** The tool window: all sessions of this user on this machine, whoever has started them. */
class SessionsWindow : ToolWindowFactory, DumbAware {
    override fun createToolWindowContent(project: Project, toolWindow: ToolWindow) {
        val panel = SessionsPanel(MirrordProject.of(project))
        val contents = toolWindow.contentManager
        val content = contents.factory.createContent(panel, null, false)
        content.setDisposer(panel)
        contents.addContent(content)
    }
}

private class SessionsPanel(private val mirrord: MirrordProject) : JPanel(BorderLayout()), Disposable {
    private val model = object : DefaultTableModel(SESSION_COLUMNS.toTypedArray(), 0) {
        override fun isCellEditable(row: Int, column: Int) = false
    }
    private val table = JBTable(model)
    private val stop = JButton("Stop")
    private val again = JButton("Try Again")
    private val message = JBLabel()
    private var sessions = emptyList<Session>()
    private val timer = Timer(REFRESH_MILLISECONDS) { if (isShowing) refresh() }

    init {
        table.setSelectionMode(ListSelectionModel.SINGLE_SELECTION)
        table.selectionModel.addListSelectionListener { stop.isEnabled = selected() != null }
        stop.isEnabled = false
        stop.addActionListener { selected()?.let { mirrord.launches.stop(it.session) } }
        again.isVisible = false
        again.addActionListener { begin() }
        val buttons = JPanel().apply { add(again); add(stop) }
        add(JBScrollPane(table), BorderLayout.CENTER)
        add(JPanel(BorderLayout()).apply { add(message, BorderLayout.CENTER); add(buttons, BorderLayout.EAST) }, BorderLayout.SOUTH)
        begin()
    }

    private fun begin() {
        again.isVisible = false
        refresh()
        timer.start()
    }

    private fun selected() = sessions.getOrNull(table.selectedRow)

    private fun refresh() {
        mirrord.server().thenCompose { it.sessions() }.whenComplete { list, failure ->
            ApplicationManager.getApplication().invokeLater(
                { show(list?.sessions.orEmpty(), failure?.let(::sentence)) }, ModalityState.any(),
            )
        }
    }

    private fun show(next: List<Session>, failure: String?) {
        val kept = selected()?.session
        sessions = next
        model.rowCount = 0
        next.forEach { model.addRow(cells(it).toTypedArray()) }
        val index = next.indexOfFirst { it.session == kept }
        if (index >= 0) table.setRowSelectionInterval(index, index)
        if (failure != null) {
            // Each question starts a server that does not run: one that cannot is not started for ever.
            timer.stop()
            again.isVisible = true
        }
        message.text = failure ?: if (next.isEmpty()) "No session runs on this machine." else ""
    }

    override fun dispose(): Unit = timer.stop()
}
