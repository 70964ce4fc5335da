package model

import "slices"

// jobType is what a job does (src/core/job.h, JobType).
type jobType int

const (
	jobStart jobType = iota
	jobStop
	jobRestart
	jobReload
	jobNop
	// Those that become one of the others as they are made.
	jobTryRestart
)

// job is a job of the manager's.
type job struct {
	id      uint32
	unit    *unit
	typ     jobType
	running bool
	// announced is set once JobNew was sent, to whoever was there to hear it.
	announced   bool
	announcedNS uint64
	// after is when what it waits for is there, as the other jobs of a boot.
	after uint64
	// cause is why it starts its unit.
	cause cause
	// askers are the connections to the bus on which it was asked for.
	askers []*conn
	// done is called when it is over.
	done []func(result string)
}

// collapse is what a job comes down to for a unit in its state (job_type_collapse).
func collapse(t jobType, u *unit) jobType {
	up := u.state == active
	switch {
	case t == jobTryRestart && up:
		return jobRestart
	case t == jobTryRestart:
		return jobNop
	}
	return t
}

// install makes a job, or merges it into the one that is there (job_install).
func (m *manager) install(typ jobType, u *unit, why cause) *job {
	return m.installAs(m.jobID(), collapse(typ, u), u, why)
}

// jobID is the number of the next job. Of a transaction the job that was asked for has
// the first one, and jobs that come to nothing have some, too.
func (m *manager) jobID() uint32 {
	m.lastJob += 1 + uint32(m.rnd.IntN(3))
	return m.lastJob
}

func (m *manager) installAs(id uint32, typ jobType, u *unit, why cause) *job {
	j := &job{id: id, unit: u, typ: typ, cause: why}
	if typ == jobNop {
		m.jobs = append(m.jobs, j)
		return j
	}
	if there := u.job; there != nil {
		if (there.typ == jobStop) != (typ == jobStop) {
			m.finish(there, "canceled")
		} else {
			m.merge(there, j)
			return there
		}
	}
	u.job = j
	m.jobs = append(m.jobs, j)
	return j
}

// merge makes one job of two (job_merge_into_installed). One that runs is run
// again, unless it does already what the other one asks for.
func (m *manager) merge(there, j *job) {
	restarts := j.typ == jobRestart && there.typ != jobRestart
	if !restarts {
		return
	}
	there.typ = jobRestart
	if there.running {
		// what runs or is being started by the job ends for the other's sake
		there.running, there.cause = false, j.cause
	} else if s := there.unit.state; s == active || s == activating || s == autoRestart {
		there.cause = j.cause // a mere start would have had to wait, or no effect
	}
}

// pulled installs the jobs for what a unit brings up (src/core/transaction.c,
// transaction_add_job_and_dependencies).
func (m *manager) pulled(u *unit, why cause) {
	for _, w := range u.wants {
		if stopping := w.job != nil && w.job.typ == jobStop; w.state == active && !stopping {
			continue // redundant (transaction_drop_redundant)
		}
		w.attempt(m.now, why, "dependency")
		m.install(jobStart, w, cause{kind: byDependency, unit: u, of: &why})
	}
}

// start makes the jobs for a unit, and for what it brings up.
func (m *manager) start(typ jobType, u *unit, why cause) *job {
	id, typ := m.jobID(), collapse(typ, u)
	if typ == jobStart || typ == jobRestart {
		m.pulled(u, why)
	}
	return m.installAs(id, typ, u, why)
}

// finish ends a job (job_finish_and_invalidate, job_uninstall).
func (m *manager) finish(j *job, result string) {
	if i := slices.Index(m.jobs, j); i >= 0 {
		m.jobs = slices.Delete(m.jobs, i, i+1)
	}
	if j.unit.job == j {
		j.unit.job = nil
	}
	m.announce(j)
	m.tellRemoved(j, result)
	for _, done := range j.done {
		done(result)
	}
}

// held reports whether a job waits for another one: for what its unit brings up.
func (m *manager) held(j *job) bool {
	if j.typ == jobNop || j.typ == jobStop {
		return false
	}
	if m.now < j.after {
		return true
	}
	return j.unit.after && slices.ContainsFunc(j.unit.wants, func(w *unit) bool { return w.job != nil })
}

// runnable is the next job to run, nil for none.
func (m *manager) runnable() *job {
	for _, j := range m.jobs {
		if !j.running && !m.held(j) && !m.again(j) {
			return j
		}
	}
	return nil
}

// again reports whether a job has to wait until the state of its unit changes: the
// unit is being stopped, or waits for an automatic restart (src/core/service.c,
// service_start, -EAGAIN).
func (m *manager) again(j *job) bool {
	u := j.unit
	switch j.typ {
	case jobStart:
		return u.state == deactivating || u.state == autoRestart
	case jobRestart, jobStop:
		return u.state == deactivating
	}
	return false
}
