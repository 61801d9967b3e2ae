"""What a drafted stack costs: a month, one and three years, line by line.

Not here: which draft to take (decision), the other ways beside it (plan) and prices themselves (catalog).
"""

from inferplan.cost.bill import monthly, price
from inferplan.cost.break_even import break_even_utilization
from inferplan.cost.lines import HOURS_PER_MONTH, gpu_monthly_usd

__all__ = ["HOURS_PER_MONTH", "break_even_utilization", "gpu_monthly_usd", "monthly", "price"]
