// graphql-eslint's recommended and Relay rules for schema/schema.graphql. Exceptions have their reasons.
import graphql from "@graphql-eslint/eslint-plugin";

const { configs, parser } = graphql;

export default [
  {
    files: ["**/*.graphql"],
    languageOptions: { parser, parserOptions: { graphQLConfig: { schema: "schema/schema.graphql" } } },
    plugins: { "@graphql-eslint": graphql },
    rules: {
      ...configs["flat/schema-recommended"].rules,
      ...configs["flat/schema-relay"].rules,
      "@graphql-eslint/require-nullable-fields-with-oneof": "error",
      // Directives are left out: the only one is GraphQL's own @oneOf, which Strawberry prints without a description.
      "@graphql-eslint/require-description": [
        "error",
        { types: true, FieldDefinition: true, InputValueDefinition: true, EnumValueDefinition: true },
      ],
      // Objects that a client can refetch are nodes. Legs, times, counts, pages and payloads are values without identity.
      "@graphql-eslint/strict-id-in-types": "off",
      "@graphql-eslint/relay-edge-types": [
        "error",
        {
          // Transfers and the bags of incidents and inventories are pages of values too.
          shouldImplementNode: false,
          // A short list that is bounded by its parent, such as the tags of a bag, is not paged.
          listTypeCanWrapOnlyEdgeType: false,
        },
      ],
    },
  },
];
