import { AppError } from '../../../core/errors.ts'
import { withoutGit } from '../generated.ts'
import type { Built, Stack } from '../stack.ts'
import { javaDockerfile } from './dockerfile.ts'
import { readProject } from './project.ts'

/** Maven or Gradle on Debian's JDK; its jars are a layer of their own. */
export const javaStack: Stack = {
  name: 'java',

  async detect({ files }) {
    const project = await readProject(files)
    return project && { what: `Java ${project.version}`, because: `${project.sign} is in the repository` }
  },

  async recipe(source, { base }): Promise<Built> {
    const project = await readProject(source.files)
    if (!project)
      throw new AppError('build-failed', 'there is neither a pom.xml nor a build.gradle', {
        hint: 'Without "stack: java" in lading.yaml the files decide.',
      })
    const isSaid = (source.procfile?.processes ?? []).length > 0
    const start = isSaid ? null : ['start-java']
    const program = project.program === 'maven' ? 'Maven' : 'Gradle'
    const needsWrapper = project.program === 'gradle' && !project.hasWrapper
    return {
      method: 'built',
      stack: 'java',
      title: `Building a Java ${project.version} app with ${program}`,
      dockerfile: javaDockerfile(project, start, base),
      dockerignore: `${withoutGit}target\nbuild\n.gradle\n`,
      bases: [{ name: base, instead: null }],
      notes: needsWrapper
        ? [`Warning: there is no wrapper of Gradle, and Debian's is 4.4.1: "gradle wrapper" adds the one you use`]
        : [],
      start,
      tells: ['mvn', 'gradle', 'sh'],
    }
  },
}
