import { fileURLToPath } from 'node:url'
import ts from 'typescript'

type Schema = Readonly<Record<string, unknown>>

const file = fileURLToPath(new URL('../src/api/openapi/answers.ts', import.meta.url))

/**
 * JSON Schema (2020-12) of what the API answers, made from the types that its code is checked against: one for each property
 * of `Answers`, and one for each type with a name. Throws for a type that JSON cannot hold. Written anew by:
 * npm run -s node scripts/answer-schemas.ts > src/api/openapi/answers.json
 */
export function answerSchemas(): {
  readonly answers: Record<string, Schema>
  readonly schemas: Record<string, Schema>
} {
  const options = { strict: true, noEmit: true, skipLibCheck: true, allowImportingTsExtensions: true }
  const program = ts.createProgram([file], {
    ...options,
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.NodeNext,
    types: ['node'],
  })
  const checker = program.getTypeChecker()
  const source = program.getSourceFile(file)
  const root = source?.statements.find(one => ts.isInterfaceDeclaration(one) && one.name.text === 'Answers')
  if (root === undefined) throw new Error(`${file} has no interface Answers`)
  const reader = new Reader(checker)
  const answers = Object.fromEntries(
    checker
      .getTypeAtLocation(root)
      .getProperties()
      .flatMap(property => {
        const type = checker.getTypeOfSymbol(property)
        return type.flags & ts.TypeFlags.Never ? [] : [[property.name, reader.schemaOf(type, property.name)]]
      }),
  )
  return { answers, schemas: Object.fromEntries([...reader.named].sort(([a], [b]) => (a < b ? -1 : 1))) }
}

class Reader {
  readonly named = new Map<string, Schema>()
  readonly #checker: ts.TypeChecker

  constructor(checker: ts.TypeChecker) {
    this.#checker = checker
  }

  schemaOf(type: ts.Type, path: string): Schema {
    if (type.isUnion()) return this.#union(type.types, path)
    if (type.isStringLiteral() || type.isNumberLiteral()) return { const: type.value }
    if (type.flags & ts.TypeFlags.BooleanLiteral) return { const: this.#checker.typeToString(type) === 'true' }
    // A name with a brand is a text in JSON.
    const parts = type.isIntersection() ? type.types : [type]
    if (parts.some(({ flags }) => flags & ts.TypeFlags.StringLike)) return { type: 'string' }
    if (parts.some(({ flags }) => flags & ts.TypeFlags.NumberLike)) return { type: 'number' }
    if (type.flags & ts.TypeFlags.BooleanLike) return { type: 'boolean' }
    if (type.flags & ts.TypeFlags.Null) return { type: 'null' }
    if (this.#checker.isArrayLikeType(type)) return this.#array(type, path)
    if (parts.every(({ flags }) => flags & ts.TypeFlags.Object)) return this.#object(type, path)
    throw new Error(`${path}: ${this.#checker.typeToString(type)} is nothing that JSON holds`)
  }

  #union(types: readonly ts.Type[], path: string): Schema {
    const told = types.filter(({ flags }) => !(flags & ts.TypeFlags.Undefined))
    const isBoolean = ({ flags }: ts.Type) => (flags & ts.TypeFlags.BooleanLiteral) !== 0
    const booleans = told.filter(isBoolean)
    const rest = booleans.length === 2 ? told.filter(type => !isBoolean(type)) : told
    const schemas = [
      ...(booleans.length === 2 ? [{ type: 'boolean' }] : []),
      ...rest.map((type, at) => this.schemaOf(type, `${path}|${at}`)),
    ]
    const constants = schemas.filter(schema => 'const' in schema)
    const others = schemas.filter(schema => !('const' in schema))
    const all =
      constants.length > 1 ? [...others, { enum: constants.map(({ const: value }) => value).sort() }] : schemas
    // The order of a union's types is the compiler's affair, and another on another day.
    const sorted = all.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
    return sorted.length === 1 && sorted[0] ? sorted[0] : { anyOf: sorted }
  }

  #array(type: ts.Type, path: string): Schema {
    const [item] = this.#checker.getTypeArguments(type as ts.TypeReference)
    return { type: 'array', items: item ? this.schemaOf(item, `${path}[]`) : {} }
  }

  #object(type: ts.Type, path: string): Schema {
    const name = nameOf(type)
    if (name === null) return this.#shape(type, path)
    if (!this.named.has(name)) {
      this.named.set(name, {})
      this.named.set(name, this.#shape(type, name))
    }
    return { $ref: `#/components/schemas/${name}` }
  }

  #shape(type: ts.Type, path: string): Schema {
    const values = this.#checker.getIndexTypeOfType(type, ts.IndexKind.String)
    if (values) return { type: 'object', additionalProperties: this.schemaOf(values, `${path}{}`) }
    const properties = this.#checker.getPropertiesOfType(type)
    const isOptional = (one: ts.Symbol) => (one.flags & ts.SymbolFlags.Optional) !== 0
    return {
      type: 'object',
      properties: Object.fromEntries(
        properties.map(property => {
          const schema = this.schemaOf(this.#checker.getTypeOfSymbol(property), `${path}.${property.name}`)
          const words = ts.displayPartsToString(property.getDocumentationComment(this.#checker)).replaceAll(/\s+/g, ' ')
          return [property.name, words === '' ? schema : { ...schema, description: words }]
        }),
      ),
      required: properties.filter(one => !isOptional(one)).map(one => one.name),
    }
  }
}

/** Of a type that is declared under a name, without parameters: those are written out. */
function nameOf(type: ts.Type): string | null {
  if (type.aliasSymbol) return type.aliasTypeArguments?.length ? null : type.aliasSymbol.name
  const name = type.symbol?.name
  if (type.isIntersection() || name === undefined || name.startsWith('__')) return null
  return type.isClassOrInterface() ? name : null
}

if (import.meta.main) process.stdout.write(`${JSON.stringify(answerSchemas(), null, 2)}\n`)
