package dev.mirrord.jetbrains.ui

import com.intellij.openapi.application.ApplicationManager
import com.intellij.openapi.application.ModalityState
import com.intellij.openapi.project.Project
import com.intellij.openapi.ui.DialogWrapper
import com.intellij.ui.ColoredListCellRenderer
import com.intellij.ui.DocumentAdapter
import com.intellij.ui.SearchTextField
import com.intellij.ui.SimpleTextAttributes
import com.intellij.ui.components.JBLabel
import com.intellij.ui.components.JBList
import com.intellij.ui.components.JBScrollPane
import dev.mirrord.jetbrains.MirrordProject
import dev.mirrord.jetbrains.MirrordSettings
import dev.mirrord.logic.KINDS
import dev.mirrord.logic.Place
import dev.mirrord.logic.Row
import dev.mirrord.logic.Shown
import dev.mirrord.logic.TargetList
import java.awt.BorderLayout
import java.awt.Dimension
import java.awt.GridLayout
import java.awt.event.MouseAdapter
import java.awt.event.MouseEvent
import javax.swing.DefaultListModel
import javax.swing.JButton
import javax.swing.JComboBox
import javax.swing.JComponent
import javax.swing.JList
import javax.swing.JPanel
import javax.swing.event.DocumentEvent

private const val ALL_KINDS = "all kinds"

/** Asks for a target. OK stores it; Esc and Cancel change nothing. */
class TargetDialog(private val project: Project) : DialogWrapper(project) {
    private val settings = MirrordSettings.of(project)
    private val mirrord = MirrordProject.of(project)
    private val model = DefaultListModel<Row>()
    private val rows = JBList(model)
    private val search = SearchTextField(false)
    private val kinds = JComboBox((listOf(ALL_KINDS) + KINDS).toTypedArray())
    private val namespaces = JComboBox<String>()
    private val contexts = JComboBox<String>()
    private val more = JButton("More")
    private val message = JBLabel("Asking the cluster…")
    private val list = TargetList(
        { query -> mirrord.server().thenCompose { it.targets(query) } }, settings.choice,
        settings.kubeconfig.trim().ifEmpty { null }, ::showLater,
    )
    private val changed: (Place) -> Unit = { list.refresh() }

    /** While the boxes are filled, what they tell is not the user's wish. */
    private var filling = false
    private var closed = false

    init {
        title = "mirrord: Whom Shall the Program Stand In For?"
        isOKActionEnabled = false
        rows.cellRenderer = RowRenderer()
        rows.addListSelectionListener { isOKActionEnabled = rows.selectedValue != null }
        rows.addMouseListener(object : MouseAdapter() {
            override fun mouseClicked(event: MouseEvent) {
                if (event.clickCount == 2 && rows.selectedValue != null) doOKAction()
            }
        })
        search.addDocumentListener(object : DocumentAdapter() {
            override fun textChanged(event: DocumentEvent) = list.filter(search.text)
        })
        kinds.addActionListener { list.kind((kinds.selectedItem as? String).takeIf { it != ALL_KINDS }) }
        namespaces.addActionListener { wish(namespaces)?.let(list::namespace) }
        contexts.addActionListener { wish(contexts)?.let(list::context) }
        more.addActionListener { list.more() }
        more.isVisible = false
        mirrord.onTargets += changed
        init()
        list.refresh()
    }

    private fun wish(box: JComboBox<String>) = if (filling) null else box.selectedItem as? String

    override fun createCenterPanel(): JComponent = JPanel(BorderLayout(0, 8)).apply {
        val boxes = JPanel(GridLayout(1, 3, 8, 0))
        listOf(kinds, namespaces, contexts).forEach { boxes.add(it) }
        add(JPanel(BorderLayout(0, 8)).apply { add(search, BorderLayout.NORTH); add(boxes, BorderLayout.SOUTH) }, BorderLayout.NORTH)
        add(JBScrollPane(rows), BorderLayout.CENTER)
        add(JPanel(BorderLayout()).apply { add(message, BorderLayout.CENTER); add(more, BorderLayout.EAST) }, BorderLayout.SOUTH)
        preferredSize = Dimension(640, 480)
    }

    override fun getPreferredFocusedComponent(): JComponent = search

    override fun getDimensionServiceKey(): String = "mirrord.targets"

    override fun doOKAction() {
        val row = rows.selectedValue ?: return
        settings.choice = settings.choice.choose(row.chosen).copy(enabled = true)
        super.doOKAction()
    }

    override fun dispose() {
        closed = true
        mirrord.onTargets -= changed
        list.close()
        super.dispose()
    }

    /** Answers come on the server's thread; the dialog itself is modal. */
    private fun showLater(next: Shown) {
        ApplicationManager.getApplication().invokeLater({ if (!closed) show(next) }, ModalityState.any())
    }

    private fun show(next: Shown) {
        val selected = rows.selectedValue?.chosen
        model.clear()
        next.rows.forEach(model::addElement)
        val again = next.rows.indexOfFirst { it.chosen == selected }
        rows.selectedIndex = if (again >= 0) again else firstTarget(next)
        fill(namespaces, next.namespaces, next.namespace)
        fill(contexts, next.contexts, next.context)
        more.isVisible = next.more
        message.text = next.message.orEmpty()
    }

    /** With letters typed, Enter takes the best match; without, the user has to choose. */
    private fun firstTarget(next: Shown) = if (search.text.isNotBlank() && next.rows.isNotEmpty()) 0 else -1

    private fun fill(box: JComboBox<String>, names: List<String>, selected: String?) {
        filling = true
        box.removeAllItems()
        names.forEach(box::addItem)
        box.selectedItem = selected
        filling = false
    }
}

private class RowRenderer : ColoredListCellRenderer<Row>() {
    override fun customizeCellRenderer(list: JList<out Row>, row: Row?, index: Int, selected: Boolean, focused: Boolean) {
        if (row == null) return
        append(row.text, if (row.available) SimpleTextAttributes.REGULAR_ATTRIBUTES else SimpleTextAttributes.GRAYED_ATTRIBUTES)
        append("  ${row.note}", SimpleTextAttributes.GRAYED_ATTRIBUTES)
    }
}
