trigger LotsmithPlanDecided on Rebalance_Plan__c (after update) {
    List<String> decided = new List<String>();
    for (Rebalance_Plan__c plan : Trigger.new) {
        Boolean isNew = plan.Status__c != Trigger.oldMap.get(plan.Id).Status__c;
        if (isNew && (plan.Status__c == 'approved' || plan.Status__c == 'rejected')) {
            decided.add(plan.Plan_Id__c);
        }
    }
    if (!decided.isEmpty() && Limits.getQueueableJobs() < Limits.getLimitQueueableJobs()) {
        System.enqueueJob(new LotsmithCall(decided));
    }
}
