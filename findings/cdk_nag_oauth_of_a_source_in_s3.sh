#!/usr/bin/env bash
# cdk-nag asks a CodeBuild project whose source is an archive in S3 for OAuth.
#
# Expected: HIPAA.Security-CodeBuildProjectSourceRepoUrl is about projects "which utilize either a GitHub or BitBucket source
# repository" (RULES.md of cdk-nag); a project of the type S3 has no repository and nothing to authorise with.
# Instead: the rule reports every project without `auth` of the type OAUTH, and so each one whose source is in S3, CodeCommit or
# CodePipeline, where OAUTH cannot be given.
# Seen on 2026-11-28 with cdk-nag 3.0.2, aws-cdk-lib 2.276.0, constructs 10.5.1 (node 20).
# Here: `make audit` accepts this rule; the project that builds the images takes its source from S3.
set -euo pipefail
EXPECTED="${EXPECTED:-reported}"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund cdk-nag@3.0.2 aws-cdk-lib@2.276.0 constructs@10.5.1

cat > check.cjs <<'END'
const { App, Stack, aws_codebuild: codebuild } = require("aws-cdk-lib");
const { HIPAASecurityChecks } = require("cdk-nag");

const app = new App();
new codebuild.CfnProject(new Stack(app, "stack"), "Project", {
  serviceRole: "arn:aws:iam::111122223333:role/build",
  artifacts: { type: "NO_ARTIFACTS" },
  environment: { type: "LINUX_CONTAINER", computeType: "BUILD_GENERAL1_SMALL", image: "aws/codebuild/standard:7.0" },
  source: { type: "S3", location: "a-bucket/source.zip" },
});
const found = new HIPAASecurityChecks().validateScope(app).violations.map((each) => each.ruleName);
console.log(found.includes("HIPAA.Security-CodeBuildProjectSourceRepoUrl") ? "reported" : "not reported");
END

result=$(node check.cjs)
echo "Expected of a project whose source is in S3: not reported, as it has no repository of GitHub or BitBucket"
echo "cdk-nag says: $result"
[ "$result" = "$EXPECTED" ]
