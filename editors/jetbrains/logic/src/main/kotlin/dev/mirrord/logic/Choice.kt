/** What the user has chosen: whether launches run with mirrord, and whom they stand in for. */
package dev.mirrord.logic

/** A target path, or [FROM_FILE]. */
const val FROM_FILE: String = ""

private const val MOST_RECENT = 10

/** A target that was chosen, with where it is. [path] is [FROM_FILE] where the configuration file says it. */
data class Chosen(val path: String = FROM_FILE, val namespace: String? = null, val context: String? = null) {
    /** As it stands in lists: `deployment/shop in namespace staging`. */
    override fun toString(): String = listOfNotNull(
        if (path == FROM_FILE) "as the configuration file says" else path,
        namespace?.let { "in namespace $it" },
        context?.let { "of $it" },
    ).joinToString(" ")
}

/** The choice of a project. [chosen] is `null` until the user has answered: a launch asks then, and never runs without a target. */
data class Choice(
    val enabled: Boolean = false,
    val chosen: Chosen? = null,
    val config: String? = null,
    val recent: List<Chosen> = emptyList(),
) {
    /** The same with another target, which is the first of the recent ones from now on. */
    fun choose(next: Chosen): Choice {
        val others = recent.filter { it != next }
        return copy(chosen = next, recent = (listOf(next) + others).take(MOST_RECENT))
    }

    /** What the toolbar says. */
    fun label(): String = when {
        !enabled -> "mirrord: off"
        chosen == null -> "mirrord: on, no target yet"
        chosen.path == FROM_FILE -> "mirrord: on, target of the configuration"
        else -> "mirrord: on, ${chosen.path.substringBefore("/container/")}"
    }

    /** What goes to the server, or `null` while a launch has to ask first. */
    fun wish(): Wish? = chosen?.let { Wish(config, it.path.ifEmpty { null }, it.namespace, it.context) }
}

/** Whether the server knows what to do with this file: `.mirrord/…` and `…mirrord.…` in one of the syntaxes. */
fun isConfiguration(path: String): Boolean {
    val parts = path.split('/', '\\')
    val (stem, end) = parts.last().run { substringBeforeLast('.', "") to substringAfterLast('.') }
    if (end !in setOf("json", "jsonc", "yaml", "yml", "toml")) return false
    return stem.endsWith("mirrord") || parts.getOrNull(parts.size - 2) == ".mirrord"
}

/** The argument of a code lens's command. */
data class LensArgument(val uri: String = "", val target: String? = null)

/** The path of a document's `file:` URI, `null` for documents that are nowhere on this machine. */
fun documentPath(uri: String): String? {
    val parsed = runCatching { java.net.URI(uri) }.getOrNull() ?: return null
    return parsed.path.takeIf { parsed.scheme == "file" }
}
