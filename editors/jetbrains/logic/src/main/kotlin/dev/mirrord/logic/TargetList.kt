/** The list of a target dialog: what the cluster has, as letters are typed and places are chosen. */
package dev.mirrord.logic

import java.util.concurrent.CompletableFuture

/** Kinds that can be filtered for, as in target paths. */
val KINDS: List<String> = listOf("deployment", "statefulset", "rollout", "cronjob", "job", "pod", "service", "replicaset")

/** A line of the list. [chosen] is what choosing it means; [note] stands behind [text]. */
data class Row(val chosen: Chosen, val text: String, val note: String, val available: Boolean)

/** What the dialog shows. [message] is there instead of rows, or beside those known last. */
data class Shown(
    val rows: List<Row> = emptyList(),
    val namespaces: List<String> = emptyList(),
    val contexts: List<String> = emptyList(),
    val namespace: String? = null,
    val context: String? = null,
    val more: Boolean = false,
    val message: String? = null,
)

/**
 * Asks [ask] at each change and tells [show] what to show, from whichever thread an answer comes on. An answer to an earlier question
 * is dropped, and its question cancelled.
 */
class TargetList(
    private val ask: (TargetQuery) -> CompletableFuture<TargetPage>,
    private val choice: Choice,
    private val kubeconfig: String? = null,
    private val show: (Shown) -> Unit,
) {
    private var query = TargetQuery(choice.chosen?.namespace, choice.chosen?.context, kubeconfig, limit = PAGE)
    private var shown = Shown()
    private var round = 0
    private var running: CompletableFuture<TargetPage>? = null

    /** Asks for the first time, or again because the cluster has changed. */
    @Synchronized
    fun refresh(): Unit = send(query.copy(cursor = null))

    /** Letters that occur in a path in this order. */
    @Synchronized
    fun filter(letters: String): Unit = send(query.copy(filter = letters.trim().ifEmpty { null }, cursor = null))

    /** Only this kind, or all with `null`. */
    @Synchronized
    fun kind(kind: String?): Unit = send(query.copy(types = listOfNotNull(kind), cursor = null))

    /** Another namespace of the same context. */
    @Synchronized
    fun namespace(name: String) {
        if (name != shown.namespace) send(query.copy(namespace = name, cursor = null))
    }

    /** Another context, in the namespace that its kubeconfig says. */
    @Synchronized
    fun context(name: String) {
        if (name != shown.context) send(query.copy(context = name, namespace = null, cursor = null))
    }

    /** The next page, behind what is there. */
    @Synchronized
    fun more() {
        query.cursor?.let { send(query) }
    }

    /** Ends the question that is under way. */
    @Synchronized
    fun close() {
        round++
        running?.cancel(true)
    }

    private fun send(next: TargetQuery) {
        // First the round: whom cancelling completes shall know that nobody waits any more.
        val asked = ++round
        running?.cancel(true)
        query = next
        val answer = ask(next)
        running = answer
        answer.whenComplete { page, failure -> receive(asked, next, page, failure) }
    }

    private fun receive(asked: Int, sent: TargetQuery, page: TargetPage?, failure: Throwable?) {
        val next = synchronized(this) {
            if (asked != round) return
            shown = if (page != null) shownWith(sent, page) else shown.copy(rows = emptyList(), more = false, message = failed(failure))
            query = query.copy(cursor = page?.nextCursor)
            shown
        }
        show(next)
    }

    private fun failed(failure: Throwable?) = failure?.let(::sentence) ?: "The server has answered nothing; its log is in Language Servers."

    private fun shownWith(sent: TargetQuery, page: TargetPage): Shown {
        val before = if (sent.cursor == null) usual(sent) else shown.rows
        val fresh = page.targets.flatMap { target -> rows(target, page, sent) }
        // A recent target is not told of twice.
        val rows = before + fresh.filter { row -> before.none { it.chosen == row.chosen } }
        val none = "No target in namespace ${page.currentNamespace ?: "?"} matches."
        return Shown(
            rows, page.namespaces ?: listOfNotNull(page.currentNamespace), page.contexts.orEmpty(), page.currentNamespace, page.context,
            page.nextCursor != null, none.takeIf { page.targets.isEmpty() },
        )
    }

    /** What stands above the cluster's targets while nothing narrows the list: the configuration's, and recent ones. */
    private fun usual(sent: TargetQuery): List<Row> {
        if (sent.filter != null || sent.types.isNotEmpty()) return emptyList()
        val recent = choice.recent.filter { it.path != FROM_FILE }
        val file = Row(Chosen(FROM_FILE), "As the configuration file says", ".mirrord/mirrord.json and its like", true)
        return listOf(file) + recent.map { Row(it, it.path, listOfNotNull("recent", it.namespace, it.context).joinToString(", "), true) }
    }

    /** One for the target, and one for each container where there is a choice. */
    private fun rows(target: Target, page: TargetPage, sent: TargetQuery): List<Row> {
        val note = listOfNotNull(pods(target), "no pod is ready".takeIf { !target.available }).joinToString(", ")
        val place = Chosen(target.path, target.namespace ?: page.currentNamespace, sent.context)
        val whole = Row(place, target.path, note, target.available)
        if (target.containers.size < 2) return listOf(whole)
        return listOf(whole) + target.containers.map {
            Row(place.copy(path = "${target.path}/container/$it"), "${target.path}/container/$it", "container", target.available)
        }
    }

    private fun pods(target: Target): String? {
        val ready = target.ready ?: return null
        return target.desired?.let { "$ready of $it ready" } ?: "$ready ready"
    }

    private companion object {
        const val PAGE = 100
    }
}
