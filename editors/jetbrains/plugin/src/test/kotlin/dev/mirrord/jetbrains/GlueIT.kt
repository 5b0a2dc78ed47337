package dev.mirrord.jetbrains

import java.io.ByteArrayOutputStream
import java.io.PrintStream
import java.nio.file.Files
import java.nio.file.Path
import org.jetbrains.kotlin.cli.jvm.K2JVMCompiler
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** That the glue compiles says something only if glue that does not fit would not: each case breaks one thing of a file of ours. */
class GlueIT {
    @TempDir
    lateinit var folder: Path

    private val sources = Path.of(System.getProperty("glue.sources"), "dev/mirrord/jetbrains")

    /** What in which file becomes what, and what the compiler says. */
    private val cases = listOf(
        // The platform's own sources.
        listOf("run/JavaExtension.kt", "fun isApplicableFor(", "fun isApplicableTo(", "'isApplicableTo' overrides nothing"),
        listOf("run/JavaExtension.kt", "params: JavaParameters", "params: String", "'updateJavaParameters' overrides nothing"),
        listOf("run/JavaExtension.kt", "params.workingDirectory", "params.workingFolder", "unresolved reference 'workingFolder'"),
        listOf("run/RunListener.kt", "NotStarted(executorId: String, ", "NotStarted(", "'processNotStarted' overrides nothing"),
        // Our stubs.
        listOf("run/GoExtension.kt", "runner: String", "runner: Int", "'patchCommandLine' overrides nothing"),
        listOf("lsp/LanguageServer.kt", "fun keepServerAlive(", "fun keepAlive(", "'keepAlive' overrides nothing"),
    )

    @Test
    fun `glue that does not fit the platform is refused, and ours is not`() {
        // One run for all: each file of its own package, so that they do not meet.
        val whole = (cases.map { it[0] }.toSet()).mapIndexed { index, file -> copy(file, "whole$index") { it } }
        assertEquals("", compile(whole))
        val broken = cases.mapIndexed { index, (file, before, after) ->
            copy(file, "broken$index") { text -> text.replace(before, after).also { check(it != text) { "$file has no `$before`" } } }
        }
        val said = compile(broken)
        cases.forEachIndexed { index, case ->
            val lines = said.lines().filter { "broken$index.kt" in it }
            assertTrue(lines.any { case[3] in it }, "${case[0]} with ${case[2]}: $lines")
        }
    }

    private fun copy(file: String, name: String, change: (String) -> String): Path {
        val text = change(Files.readString(sources.resolve(file)))
        return Files.writeString(folder.resolve("$name.kt"), text.replaceFirst(Regex("package (\\S+)"), "package $name\nimport $1.*"))
    }

    private fun compile(files: List<Path>): String {
        val said = ByteArrayOutputStream()
        val classes = System.getProperty("java.class.path")
        // Ours may name what is internal in the plugin, as they do where they come from.
        val friends = classes.split(':').filter { "/plugin/" in it }.joinToString(",")
        val options = arrayOf(
            "-no-stdlib", "-no-reflect", "-nowarn", "-jvm-target", "17", "-Xjava-source-roots=${System.getProperty("glue.roots")}",
            "-Xfriend-paths=$friends", "-cp", classes, "-d", folder.resolve("out").toString(),
        )
        K2JVMCompiler().exec(PrintStream(said), *options, *files.map { it.toString() }.toTypedArray())
        return said.toString()
    }
}
