/** Finds `mirrord-ide-server` on this machine. */
package dev.mirrord.logic

import java.nio.file.Files
import java.nio.file.Path

/** What the server's program is called. */
const val SERVER_PROGRAM: String = "mirrord-ide-server"

private val USUAL = listOf(Path.of("/usr/local/bin"), Path.of("/opt/mirrord"))

/** The server is not where it was looked for; the message says where that was, and what to do. */
class ServerNotFound(message: String) : Exception(message)

/**
 * Where programs may be. [setting] is what the user has written, [besides] are folders that count after the `PATH`: an IDE that was
 * started from a desktop does not have the `PATH` of the user's shell.
 */
data class Surroundings(
    val setting: String?,
    val plugin: Path?,
    val path: String?,
    val home: Path,
    val besides: List<Path> = listOf(home.resolve(".local/bin"), home.resolve(".cargo/bin")) + USUAL,
)

/** The server: as set, else the one that the plugin brings, else the first on the `PATH` and in the usual folders. */
@Throws(ServerNotFound::class)
fun findServer(here: Surroundings): Path {
    val wish = here.setting?.trim().orEmpty()
    if (wish.isNotEmpty()) return asSet(wish, here.home)
    val onPath = here.path.orEmpty().split(':').filter { it.startsWith('/') }.map(Path::of)
    val folders = (listOfNotNull(here.plugin?.resolve("bin")) + onPath + here.besides).distinct()
    return folders.map { it.resolve(SERVER_PROGRAM) }.firstOrNull(::runs) ?: throw ServerNotFound(
        "There is no program $SERVER_PROGRAM in ${folders.joinToString(", ")}. " +
            "Install mirrord, or name the program in Settings | Tools | mirrord.",
    )
}

private fun asSet(wish: String, home: Path): Path {
    val path = if (wish.startsWith("~/")) home.resolve(wish.drop(2)) else Path.of(wish)
    val fault = when {
        !path.isAbsolute -> "is not an absolute path"
        !Files.exists(path) -> "does not exist"
        !runs(path) -> "is not a program that you may run"
        else -> return path
    }
    throw ServerNotFound("The server $path $fault. Correct it in Settings | Tools | mirrord; an empty field means the one on the PATH.")
}

private fun runs(path: Path) = Files.isRegularFile(path) && Files.isExecutable(path)
