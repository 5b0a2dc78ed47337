/** Lays a session over the environment and the command line of a launch. */
package dev.mirrord.logic

/** An environment: its variables, and whether those of the IDE are there beneath. */
data class Environment(val variables: Map<String, String>, val inherits: Boolean)

/**
 * The environment [own] of a launch with the session over it. Where a variable has to go that the IDE itself has, in [parent], nothing
 * is inherited any more and the rest of it is written out.
 */
fun Injection.applyTo(own: Environment, parent: Map<String, String>): Environment {
    val hides = own.inherits && unset.any(parent::containsKey)
    val beneath = if (hides) parent else emptyMap()
    return Environment((beneath + own.variables) - unset.toSet() + set, own.inherits && !hides)
}

/**
 * Variables that would have to go but stay, for launches that can add variables only: those of [unset][Injection.unset] that the IDE
 * itself has and the session does not set.
 */
fun Injection.staying(parent: Map<String, String>): List<String> = unset.filter { it in parent && it !in set }.sorted()

/** What stands before the program: env(1) to take variables away if that is needed, then the launcher, which becomes the program. */
fun Injection.prefix(parent: Map<String, String>): List<String> {
    val gone = staying(parent)
    val env = if (gone.isEmpty()) emptyList() else listOf("/usr/bin/env") + gone.flatMap { listOf("-u", it) }
    return env + launcher
}
