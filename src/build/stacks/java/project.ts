import { shortened } from '../../../core/bounds.ts'
import { AppError } from '../../../core/errors.ts'
import { glance, type Files } from '../../files.ts'

/** Of Debian 13, the one that is taken when nothing is said first. */
const versions = ['21', '25'] as const
/** Lower ones are compiled for by the first of them. */
const lowest = 8

export interface Project {
  readonly program: 'maven' | 'gradle'
  readonly version: (typeof versions)[number]
  /** Gradle's own wrapper is in the repository. */
  readonly hasWrapper: boolean
  /** The file that says it. */
  readonly sign: string
}

const gradleFiles = ['build.gradle', 'build.gradle.kts', 'settings.gradle', 'settings.gradle.kts'] as const

/** Null: it is no project of Maven or Gradle. Rejects `build-failed` for a Java that cannot be had. */
export async function readProject(files: Files): Promise<Project | null> {
  const paths = await files.paths()
  const sign = ['pom.xml', ...gradleFiles].find(path => paths.has(path))
  if (sign === undefined) return null
  return {
    program: sign === 'pom.xml' ? 'maven' : 'gradle',
    version: await versionOf(files),
    hasWrapper: paths.has('gradlew') && paths.has('gradle/wrapper/gradle-wrapper.jar'),
    sign,
  }
}

async function versionOf(files: Files): Promise<Project['version']> {
  const patterns: readonly (readonly [file: string, pattern: RegExp])[] = [
    ['system.properties', /^java\.runtime\.version\s*=\s*(?:1\.)?(\d+)/m],
    ['.java-version', /^(?:[a-z-]+)?(?:1\.)?(\d+)/],
    ['.tool-versions', /^java\s+(?:[a-z-]+-)?(?:1\.)?(\d+)/m],
    ['pom.xml', /<(?:java\.version|maven\.compiler\.(?:release|source|target)|release)>\s*(?:1\.)?(\d+)/],
    ['build.gradle', /JavaLanguageVersion\.of\((\d+)\)|(?:source|target)Compatibility\s*=?\s*\D{0,30}?(\d+)/],
    ['build.gradle.kts', /JavaLanguageVersion\.of\((\d+)\)|jvmToolchain\((\d+)\)/],
  ]
  for (const [file, pattern] of patterns) {
    const found = pattern.exec((await files.text(file, glance)) ?? '')
    const wanted = found?.[1] ?? found?.[2]
    if (wanted === undefined) continue
    const version = Number(wanted) < lowest ? undefined : versions.find(one => Number(one) >= Number(wanted))
    if (version !== undefined) return version
    throw new AppError(
      'build-failed',
      `${file} asks for Java ${shortened(wanted, 20)}; there are ${versions.join(' and ')}, of Debian 13`,
      {
        hint: `They compile for every version from ${lowest} on; for another one add a Dockerfile.`,
      },
    )
  }
  return versions[0]
}
