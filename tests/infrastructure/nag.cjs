// Prints each finding of cdk-nag's packs in an expanded template: the rule and the resource.
const { App, Stack } = require("aws-cdk-lib");
const { CfnInclude } = require("aws-cdk-lib/cloudformation-include");
const { AwsSolutionsChecks, HIPAASecurityChecks, ServerlessChecks } = require("cdk-nag");

const app = new App();
new CfnInclude(new Stack(app, "audit"), "template", { templateFile: process.argv[2] });
for (const Pack of [AwsSolutionsChecks, HIPAASecurityChecks, ServerlessChecks]) {
  for (const { ruleName, violatingResources } of new Pack().validateScope(app).violations) {
    for (const { constructPath } of violatingResources) console.log(ruleName, constructPath);
  }
}
