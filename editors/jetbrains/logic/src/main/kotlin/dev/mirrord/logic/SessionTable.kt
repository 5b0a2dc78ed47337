/** The table of sessions. */
package dev.mirrord.logic

/** Its columns. */
val SESSION_COLUMNS: List<String> = listOf("Session", "Stands in for", "State", "Since", "Programs", "Ports", "Last request", "Round trips")

/** The cells of a session, one for each of [SESSION_COLUMNS]. */
fun cells(session: Session): List<String> = listOf(
    listOfNotNull(session.session, session.by?.let { "($it)" }).joinToString(" "),
    session.target,
    state(session),
    time(session.seconds),
    session.programs.toString(),
    session.ports.joinToString(", ") { "${it.port} ← ${it.local.substringAfterLast(':')} (${it.mode})" },
    session.requests.firstOrNull()?.let { "${it.peer} to ${it.port}, ${time(it.secondsAgo)} ago" }.orEmpty(),
    listOfNotNull(session.roundTrips.toString(), session.latency?.let { "%.1f ms".format(java.util.Locale.ROOT, it.medianMicros / 1000.0) })
        .joinToString(", "),
)

private fun state(session: Session): String {
    val held = if (session.standing) ", at a breakpoint" else ""
    return session.state + held + session.reason?.let { ": $it" }.orEmpty()
}

private fun time(seconds: Long): String = when {
    seconds < 60 -> "$seconds s"
    seconds < 3600 -> "${seconds / 60} min"
    else -> "${seconds / 3600} h ${seconds % 3600 / 60} min"
}

/** What an event says to a user who does not watch: only what changes the results of a program. `null` for the rest. */
fun notice(event: Event): Notice? {
    val text = event.text ?: return null
    return when (event.kind) {
        "warning" -> Notice(text, serious = false)
        "state" -> when (event.state) {
            "degraded" -> Notice(text, serious = false)
            "lost" -> Notice(text, serious = true)
            else -> null
        }
        else -> null
    }
}

/** A sentence for a balloon. */
data class Notice(val text: String, val serious: Boolean)
