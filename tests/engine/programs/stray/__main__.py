"""Our program with one bucket more, which is no child of the root component."""

import pulumi
import pulumi_aws as aws

from stacks.program import run

run()
elsewhere = aws.Provider("elsewhere", region="us-east-1")
aws.s3.Bucket("exfiltration", opts=pulumi.ResourceOptions(provider=elsewhere))
